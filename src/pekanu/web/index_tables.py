"""The tables of the site's index, as SQL.

The index can be thrown away at any time: it is read from the chain again. Money is text. What is
not here: who writes and reads (`index`).
"""

from __future__ import annotations

from typing import Final

#: Raised with every change below; an index of another version is built anew.
VERSION: Final = 1

SCHEMA: Final = """
create table if not exists meta (key text primary key, value text not null) without rowid;
create table if not exists blocks (number integer primary key, time integer not null);
create table if not exists events (
    block integer not null,
    position integer not null,
    block_hash blob not null,
    tx blob not null,
    name text not null,
    task_id blob,
    topics blob not null,
    data blob not null,
    primary key (block, position)
) without rowid;
create index if not exists events_of_task on events (task_id, block, position);
create index if not exists events_of_tx on events (tx);
create index if not exists events_of_name on events (name, block, position);
create table if not exists parties (
    account text not null, block integer not null, position integer not null,
    primary key (account, block, position)
) without rowid;
create table if not exists tasks (
    task_id blob primary key,
    client text not null,
    worker text,
    status integer not null,
    deadline integer not null,
    challenges integer not null,
    price text not null,
    stake text not null,
    created integer not null,
    updated integer not null,
    updated_block integer not null,
    is_live integer not null
) without rowid;
create index if not exists tasks_new on tasks (created desc, task_id);
create index if not exists tasks_live on tasks (is_live, created desc);
create index if not exists tasks_client on tasks (client, created desc);
create index if not exists tasks_worker on tasks (worker, created desc);
create index if not exists tasks_due on tasks (is_live, deadline);
create table if not exists costs (
    tx blob primary key, block integer not null, gas integer not null, fee text not null
) without rowid;
create index if not exists costs_of_block on costs (block);
"""
