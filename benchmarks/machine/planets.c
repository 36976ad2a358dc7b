/* Five bodies under gravity in double precision: soft-float on the machine. */

struct body {
    double x[3], v[3], mass;
};

static struct body bodies[5] = {
    {{0, 0, 0}, {0, 0, 0}, 39.47841760435743},
    {{4.84, -1.16, -0.1}, {0.606, 2.81, -0.02}, 0.0376},
    {{8.34, 4.12, -0.4}, {-1.01, 1.82, 0.008}, 0.0112},
    {{12.89, -15.11, -0.22}, {1.08, 0.868, -0.0108}, 0.00172},
    {{15.38, -25.92, 0.179}, {0.979, 0.594, -0.034}, 0.00203},
};

/* Newton's method; the machine has no square root either. */
static double root(double x) {
    double guess = x > 1 ? x / 2 : x;
    for (int i = 0; i < 12; i++) guess = 0.5 * (guess + x / guess);
    return guess;
}

static void advance(double dt) {
    for (int i = 0; i < 5; i++)
        for (int j = i + 1; j < 5; j++) {
            double d[3], squares = 0.01;
            for (int k = 0; k < 3; k++) {
                d[k] = bodies[i].x[k] - bodies[j].x[k];
                squares += d[k] * d[k];
            }
            double scale = dt / (squares * root(squares));
            for (int k = 0; k < 3; k++) {
                bodies[i].v[k] -= d[k] * bodies[j].mass * scale;
                bodies[j].v[k] += d[k] * bodies[i].mass * scale;
            }
        }
    for (int i = 0; i < 5; i++)
        for (int k = 0; k < 3; k++) bodies[i].x[k] += dt * bodies[i].v[k];
}

static unsigned compute(void) {
    unsigned sum = 0;
    for (int round = 0; round < 50000; round++) advance(0.001);
    for (int i = 0; i < 5; i++)
        for (int k = 0; k < 3; k++) sum = sum * 31 + (unsigned)(int)(bodies[i].x[k] * 1e6);
    return sum;
}

#include "finish.h"
