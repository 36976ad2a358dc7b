/* The first model of a formula in conjunctive normal form, or that there is none.
 *
 * Conflicts are learned from; the variable that was last part of one is decided first. Of a formula
 * with a model, each variable is then tried false in turn, under the values found before it, so the
 * model is the first of all. A limit on literals looked at makes every run end.
 * Source: Eén and Sörensson, "An Extensible SAT-solver", 2003; Biere and Fröhlich, "Evaluating CDCL
 * Variable Scoring Schemes", 2015.
 */
#include "value.h"

#define MOST_VARIABLES 1000000u
#define MOST_CLAUSES 1000000u
#define MOST_LITERALS 2000000u
/* So that no count leaves 32 bits. */
#define MOST_LIMIT 4000000000
#define MOST_DIGITS 7u
#define LINE_LITERALS 16u

/* A clause is its size, its glue, the next clause in the lists of its first two literals, which are
 * watched, and its literals. Before all clauses lie the heads of those lists. */
#define ARENA_WORDS 12000000u
#define HEADER 4u
#define USED 0x40000000u
#define MOST_GLUE 63u
#define GOOD_GLUE 2u
#define NONE 0xFFFFFFFFu

/* Conflicts of the shortest run between restarts; learned clauses before some are dropped. */
#define RUN_CONFLICTS 100u
#define FIRST_LEARNED 2000u
#define MORE_LEARNED 500u

enum value_of { UNKNOWN, TRUE, FALSE };
enum verdict { SATISFIABLE, UNSATISFIABLE, UNDECIDED, FAILED };

static uint32_t variables;
static uint64_t work, limit;

/* Literals are twice their variable, plus one if negative. By literal: */
static uint8_t *values;
/* By variable: the level and the clause that set it, and what it was last. */
static uint32_t *levels, *reasons;
static uint8_t *phases, *seen, *model;
/* The variables in the order in which they were last bumped. */
static uint32_t *before, *after, *stamps;
static uint32_t last, candidate, stamp;
/* What was set, in order, and where each level begins. */
static uint32_t *trail, trail_size, trail_head, *level_starts, level;
static uint32_t *arena, arena_end, first_learned, learned_count, learned_limit;
/* Of the conflict at hand. */
static uint32_t *lesson, lesson_size, *bumped, bumped_count, *level_marks, level_mark;
static uint32_t conflicts, run_end, run_number;
static bool is_contradiction;

static void assign(uint32_t literal, uint32_t reason) {
    uint32_t variable = literal >> 1;
    values[literal] = TRUE;
    values[literal ^ 1] = FALSE;
    levels[variable] = level;
    reasons[variable] = reason;
    trail[trail_size++] = literal;
}

static void backtrack(uint32_t target) {
    while (level > target) {
        uint32_t begin = level_starts[--level];
        while (trail_size > begin) {
            uint32_t literal = trail[--trail_size], variable = literal >> 1;
            values[literal] = values[literal ^ 1] = UNKNOWN;
            phases[variable] = (uint8_t)(~literal & 1);
            if (stamps[variable] > stamps[candidate]) {
                candidate = variable;
            }
        }
    }
    trail_head = trail_head < trail_size ? trail_head : trail_size;
}

/* Put a clause into the lists of its first two literals. */
static void watch(uint32_t clause) {
    for (uint32_t place = 0; place < 2; place++) {
        uint32_t literal = arena[clause + HEADER + place];
        arena[clause + 2 + place] = arena[literal];
        arena[literal] = clause;
    }
}

static uint32_t add_clause(const uint32_t *literals, uint32_t size, uint32_t glue) {
    uint32_t clause = arena_end;
    arena[clause] = size;
    arena[clause + 1] = glue;
    for (uint32_t place = 0; place < size; place++) {
        arena[clause + HEADER + place] = literals[place];
    }
    arena_end += HEADER + size;
    watch(clause);
    return clause;
}

/* Set what follows; return a clause that contradicts, or 0. */
static uint32_t propagate(void) {
    while (trail_head < trail_size) {
        uint32_t literal = trail[trail_head++] ^ 1, link = literal, clause;
        while ((clause = arena[link]) != 0) {
            uint32_t *literals = arena + clause + HEADER;
            uint32_t place = literals[0] == literal ? 0 : 1, other = literals[1 - place];
            work++;
            if (values[other] == TRUE) {
                link = clause + 2 + place;
                continue;
            }
            uint32_t size = arena[clause], k = 2;
            while (k < size && values[literals[k]] == FALSE) {
                k++;
            }
            work += k;
            if (k < size) {
                uint32_t found = literals[k];
                arena[link] = arena[clause + 2 + place];
                literals[k] = literal;
                literals[place] = found;
                arena[clause + 2 + place] = arena[found];
                arena[found] = clause;
            } else if (values[other] == FALSE) {
                trail_head = trail_size;
                return clause;
            } else {
                assign(other, clause);
                link = clause + 2 + place;
            }
        }
    }
    return 0;
}

static void look_at(uint32_t clause, uint32_t implied, uint32_t *open) {
    if (arena[clause + 1] != 0) {
        arena[clause + 1] |= USED;
    }
    work += arena[clause];
    for (uint32_t place = 0; place < arena[clause]; place++) {
        uint32_t literal = arena[clause + HEADER + place], variable = literal >> 1;
        if (literal == implied || seen[variable] || levels[variable] == 0) {
            continue;
        }
        seen[variable] = 1;
        bumped[bumped_count++] = variable;
        if (levels[variable] == level) {
            ++*open;
        } else {
            lesson[lesson_size++] = literal;
        }
    }
}

/* Return whether a literal follows from others of the lesson. */
static bool is_implied(uint32_t literal) {
    uint32_t clause = reasons[literal >> 1];
    if (clause == 0) {
        return false;
    }
    work += arena[clause];
    for (uint32_t place = 0; place < arena[clause]; place++) {
        uint32_t variable = arena[clause + HEADER + place] >> 1;
        if (!seen[variable] && levels[variable] != 0) {
            return false;
        }
    }
    return true;
}

/* Learn a clause that the conflict proves; set its glue and return the level to go back to. */
static uint32_t analyze(uint32_t conflict, uint32_t *glue) {
    uint32_t open = 0, place = trail_size, implied = NONE, clause = conflict;
    lesson_size = 1;
    bumped_count = 0;
    do {
        look_at(clause, implied, &open);
        do {
            implied = trail[--place];
            work++;
        } while (!seen[implied >> 1]);
        clause = reasons[implied >> 1];
    } while (--open > 0);
    lesson[0] = implied ^ 1;
    uint32_t kept = 1;
    for (uint32_t k = 1; k < lesson_size; k++) {
        if (!is_implied(lesson[k])) {
            lesson[kept++] = lesson[k];
        }
    }
    lesson_size = kept;
    uint32_t deepest = 0;
    *glue = 1;
    level_mark++;
    for (uint32_t k = 1; k < lesson_size; k++) {
        uint32_t depth = levels[lesson[k] >> 1];
        if (level_marks[depth] != level_mark) {
            level_marks[depth] = level_mark;
            ++*glue;
        }
        if (depth > deepest) {
            uint32_t held = lesson[k];
            lesson[k] = lesson[1];
            lesson[1] = held;
            deepest = depth;
        }
    }
    return deepest;
}

/* Bring the variables of the conflict into the order in which they were last bumped. */
static void sort_bumped(void) {
    for (uint32_t gap = bumped_count / 2; gap > 0; gap /= 2) {
        for (uint32_t k = gap; k < bumped_count; k++) {
            uint32_t variable = bumped[k], place = k;
            while (place >= gap && stamps[bumped[place - gap]] > stamps[variable]) {
                bumped[place] = bumped[place - gap];
                place -= gap;
                work++;
            }
            bumped[place] = variable;
        }
    }
}

/* Make the variables of the conflict the first to be decided. */
static void bump(void) {
    sort_bumped();
    for (uint32_t k = 0; k < bumped_count; k++) {
        uint32_t variable = bumped[k];
        seen[variable] = 0;
        work++;
        if (variable == last) {
            continue;
        }
        uint32_t left = before[variable], right = after[variable];
        if (left != NONE) {
            after[left] = right;
        }
        before[right] = left;
        before[variable] = last;
        after[variable] = NONE;
        after[last] = variable;
        last = variable;
        stamps[variable] = ++stamp;
    }
    candidate = last;
}

static void learn(uint32_t conflict) {
    uint32_t glue, target = analyze(conflict, &glue);
    bump();
    backtrack(target);
    uint32_t reason = 0;
    if (lesson_size > 1) {
        reason = add_clause(lesson, lesson_size, glue < MOST_GLUE ? glue : MOST_GLUE);
        learned_count++;
    }
    assign(lesson[0], reason);
    conflicts++;
}

/* Return the glue above which learned clauses that were of no use are dropped: half of them. */
static uint32_t choose_cut(void) {
    uint32_t tally[MOST_GLUE + 1] = {0}, total = 0;
    for (uint32_t clause = first_learned; clause < arena_end; clause += HEADER + arena[clause]) {
        uint32_t glue = arena[clause + 1];
        if (!(glue & USED) && glue > GOOD_GLUE) {
            tally[glue]++;
            total++;
        }
    }
    uint32_t cut = GOOD_GLUE, sum = 0;
    while (cut < MOST_GLUE && 2 * (sum + tally[cut + 1]) <= total) {
        sum += tally[++cut];
    }
    return cut;
}

/* Drop learned clauses: those above the cut, or all. At level 0, where no reason is looked at. */
static void reduce(bool all) {
    uint32_t cut = choose_cut(), end = first_learned;
    for (uint32_t literal = 0; literal < 2 * variables; literal++) {
        arena[literal] = 0;
    }
    learned_count = 0;
    for (uint32_t clause = 2 * variables + 1, next; clause < arena_end; clause = next) {
        uint32_t size = arena[clause], glue = arena[clause + 1];
        next = clause + HEADER + size;
        work += 2;
        if (clause < first_learned) {
            watch(clause);
            continue;
        }
        if (all || (!(glue & USED) && glue > cut)) {
            continue;
        }
        for (uint32_t place = 0; place < HEADER + size; place++) {
            arena[end + place] = arena[clause + place];
        }
        arena[end + 1] = glue & ~USED;
        watch(end);
        work += size;
        end += HEADER + size;
        learned_count++;
    }
    arena_end = end;
    learned_limit += MORE_LEARNED;
}

/* Return a term of 1, 1, 2, 1, 1, 2, 4 … Source: Luby, Sinclair and Zuckerman, 1993. */
static uint32_t get_run(uint32_t number) {
    uint32_t size = 1, power = 0;
    while (size < number + 1) {
        size = 2 * size + 1;
        power++;
    }
    while (size - 1 != number) {
        size = (size - 1) / 2;
        power--;
        number %= size;
    }
    return 1u << power;
}

static void restart(void) {
    backtrack(0);
    run_end = conflicts + RUN_CONFLICTS * get_run(run_number++);
    if (learned_count > learned_limit) {
        reduce(false);
    }
}

/* Begin a level with a literal. */
static void decide(uint32_t literal) {
    work++;
    level_starts[level++] = trail_size;
    assign(literal, 0);
}

static uint32_t choose(bool is_first) {
    while (values[2 * candidate] != UNKNOWN) {
        candidate = before[candidate];
        work++;
    }
    return 2 * candidate + (is_first && phases[candidate] ? 0 : 1);
}

/* Return whether there is a model; one in which a variable is false, if that is not NONE. */
static enum verdict search(uint32_t tried) {
    for (;;) {
        if (arena_end + HEADER + variables > ARENA_WORDS) {
            backtrack(0);
            reduce(true);
        }
        uint32_t conflict = propagate();
        if (work > limit) {
            return UNDECIDED;
        }
        if (conflict != 0) {
            if (level == 0) {
                return UNSATISFIABLE;
            }
            learn(conflict);
        } else if (conflicts >= run_end) {
            restart();
        } else if (tried != NONE && level == 0 && values[2 * tried] == TRUE) {
            return FAILED;
        } else if (tried != NONE && level == 0 && values[2 * tried] == UNKNOWN) {
            decide(2 * tried + 1);
        } else if (trail_size == variables) {
            return SATISFIABLE;
        } else {
            decide(choose(tried == NONE));
        }
    }
}

static void keep_model(void) {
    work += variables;
    for (uint32_t variable = 0; variable < variables; variable++) {
        model[variable] = values[2 * variable] == TRUE;
    }
    backtrack(0);
}

static enum verdict solve(void) {
    enum verdict found = is_contradiction ? UNSATISFIABLE : search(NONE);
    if (found != SATISFIABLE) {
        return found;
    }
    keep_model();
    for (uint32_t variable = 0; variable < variables; variable++) {
        work++;
        if (values[2 * variable] != UNKNOWN) {
            continue;
        }
        if (model[variable]) {
            found = search(variable);
            if (found == UNDECIDED) {
                return UNDECIDED;
            }
            if (found == FAILED) {
                continue;
            }
            keep_model();
            if (values[2 * variable] != UNKNOWN) {
                continue;
            }
        }
        assign(2 * variable + 1, 0);
        propagate();
    }
    for (uint32_t variable = 0; variable < variables; variable++) {
        model[variable] = values[2 * variable] == TRUE;
    }
    return SATISFIABLE;
}

/* Take a clause as it was written: without repetitions, and not at all if it holds always. */
static void take_clause(uint32_t number) {
    uint32_t size = 0;
    for (uint32_t k = 0; k < lesson_size; k++) {
        uint32_t literal = lesson[k];
        /* Before the search these marks are of literals. */
        if (level_marks[literal ^ 1] == number) {
            return;
        }
        if (level_marks[literal] != number) {
            level_marks[literal] = number;
            lesson[size++] = literal;
        }
    }
    if (size > 1) {
        add_clause(lesson, size, 0);
    } else if (size == 0 || values[lesson[0]] == FALSE) {
        is_contradiction = true;
    } else if (values[lesson[0]] == UNKNOWN) {
        assign(lesson[0], 0);
    }
}

static const uint8_t *text;
static uint32_t text_size, position;

static void require(bool holds) {
    if (!holds) {
        pekanu_exit(PEKANU_BAD_INPUT);
    }
}

/* Return the byte at hand, 0 at the end. */
static uint8_t peek(void) { return position < text_size ? text[position] : 0; }

static bool is_blank(uint8_t byte) { return byte == ' ' || byte == '\t' || byte == '\r'; }

static void skip_blanks(void) {
    while (is_blank(peek())) {
        position++;
    }
}

static void skip_line(void) {
    while (position < text_size && text[position] != '\n') {
        position++;
    }
}

/* Return a number as it is usually written, at most `most`. */
static uint32_t read_number(uint32_t most) {
    uint32_t begin = position, number = 0;
    while (peek() >= '0' && peek() <= '9' && position - begin <= MOST_DIGITS) {
        number = 10 * number + (peek() - '0');
        position++;
    }
    uint32_t digits = position - begin;
    require(digits != 0 && digits <= MOST_DIGITS && (digits == 1 || text[begin] != '0'));
    require(number <= most && (position == text_size || is_blank(peek()) || peek() == '\n'));
    return number;
}

static uint32_t read_header(void) {
    static const char words[2][4] = {"p", "cnf"};
    for (uint32_t word = 0; word < 2; word++) {
        for (const char *letter = words[word]; *letter != 0; letter++, position++) {
            require(peek() == (uint8_t)*letter);
        }
        require(is_blank(peek()));
        skip_blanks();
    }
    variables = read_number(MOST_VARIABLES);
    skip_blanks();
    uint32_t clauses = read_number(MOST_CLAUSES);
    skip_blanks();
    require(position == text_size || peek() == '\n');
    return clauses;
}

/* Give memory to a formula whose header was read. */
static void set_up(void) {
    uint32_t count = variables + 1;
    arena = pekanu_alloc(4 * (size_t)ARENA_WORDS);
    values = pekanu_alloc(2 * count);
    phases = pekanu_alloc(count);
    seen = pekanu_alloc(count);
    model = pekanu_alloc(count);
    levels = pekanu_alloc(4 * count);
    reasons = pekanu_alloc(4 * count);
    before = pekanu_alloc(4 * count);
    after = pekanu_alloc(4 * count);
    stamps = pekanu_alloc(4 * count);
    trail = pekanu_alloc(4 * count);
    level_starts = pekanu_alloc(4 * count);
    bumped = pekanu_alloc(4 * count);
    level_marks = pekanu_alloc(8 * count);
    for (uint32_t variable = 0; variable < variables; variable++) {
        before[variable] = variable + 1 < variables ? variable + 1 : NONE;
        after[variable] = variable - 1;
        stamps[variable] = variables - variable;
    }
    stamp = variables;
    arena_end = 2 * variables + 1;
}

static void read_formula(void) {
    bool has_header = false;
    uint32_t clauses = 0, found = 0, literals = 0;
    for (; position < text_size; position++) {
        skip_blanks();
        if (peek() == '%') {
            break;
        }
        if (peek() == 'c') {
            skip_line();
        } else if (peek() == 'p') {
            require(!has_header);
            has_header = true;
            clauses = read_header();
            set_up();
        }
        for (; position < text_size && peek() != '\n'; skip_blanks()) {
            require(has_header);
            bool is_negative = peek() == '-';
            position += is_negative;
            uint32_t number = read_number(variables);
            if (number != 0) {
                require(literals++ < MOST_LITERALS);
                lesson[lesson_size++] = 2 * (number - 1) + is_negative;
                continue;
            }
            require(!is_negative && found++ < clauses);
            take_clause(found);
            lesson_size = 0;
        }
    }
    require(has_header && found == clauses && lesson_size == 0);
}

static void write_model(void) {
    pekanu_write("v", 1);
    for (uint32_t variable = 0; variable < variables; variable++) {
        if (variable != 0 && variable % LINE_LITERALS == 0) {
            pekanu_write("\nv", 2);
        }
        pekanu_write(" -", model[variable] ? 1 : 2);
        value_write_decimal(variable + 1);
    }
    pekanu_write(" 0\n", 3);
}

int main(void) {
    struct value inputs[2];
    value_read_all(inputs, 2);
    value_require_text(&inputs[0], PEKANU_MOST_BYTES);
    limit = (uint64_t)value_get_bounded(&inputs[1], 1, MOST_LIMIT);
    text = inputs[0].elements;
    text_size = inputs[0].count;
    /* Where a clause is read or learned; longer than any. */
    lesson = pekanu_alloc(4 * (size_t)(MOST_LITERALS + 1));
    read_formula();
    memset(level_marks, 0, 8 * (size_t)(variables + 1));
    first_learned = arena_end;
    learned_limit = FIRST_LEARNED;
    run_end = RUN_CONFLICTS * get_run(run_number++);
    value_begin_text();
    switch (solve()) {
    case SATISFIABLE:
        pekanu_write("s SATISFIABLE\n", 14);
        write_model();
        break;
    case UNSATISFIABLE:
        pekanu_write("s UNSATISFIABLE\n", 16);
        break;
    default:
        pekanu_write("s UNKNOWN\n", 10);
    }
    value_end_text();
    return 0;
}
