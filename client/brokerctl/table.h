/* Columns for people: aligned, and on a terminal cut to its width.
 *
 * Cells are filled row by row, left to right. What goes in is made safe for a
 * terminal here, so that callers may hand over what came from the wire.
 */
#pragma once

#include "client/brokerctl/text.h"

struct table_column {
    const char *name; /* NULL in the first column: no line of headings */
    bool right;       /* numbers */
    bool shrinks;     /* gives way when the terminal is too narrow */
    bool differs;     /* left out when all rows say the same */
};

struct table {
    const struct table_column *columns;
    size_t n_columns;
    char **cells;
    size_t n_cells;
};

#define _cleanup_table_ __attribute__((cleanup(table_deinit)))

void table_init(struct table *table, const struct table_column *columns, size_t n_columns);
void table_deinit(struct table *table);
void table_cell(struct table *table, const char *s, size_t len);
void table_puts(struct table *table, const char *s);
void table_number(struct table *table, uint64_t number);
/* "1.5M" */
void table_size(struct table *table, uint64_t bytes);
/* Prints what is there to standard output. */
void table_print(struct table *table);
