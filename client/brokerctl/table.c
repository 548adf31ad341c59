#include "client/brokerctl/table.h"

#include "client/brokerctl/print.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_COLUMNS = 16, GUTTER = 2, NARROWEST = 8 };

void table_init(struct table *table, const struct table_column *columns, size_t n_columns)
{
    *table = (struct table){ .columns = columns, .n_columns = n_columns };
}

void table_deinit(struct table *table)
{
    for (size_t i = 0; i < table->n_cells; i++)
        free(table->cells[i]);
    free(table->cells);
    table->cells = NULL;
    table->n_cells = 0;
}

void table_cell(struct table *table, const char *s, size_t len)
{
    _cleanup_text_ struct text safe = TEXT_INIT;

    text_add_safe(&safe, s, len);
    table->cells = xrealloc(table->cells, (table->n_cells + 1) * sizeof *table->cells);
    table->cells[table->n_cells++] = xstrdup(text_string(&safe));
}

void table_puts(struct table *table, const char *s)
{
    table_cell(table, s, strlen(s));
}

void table_number(struct table *table, uint64_t number)
{
    char s[24];

    snprintf(s, sizeof s, "%" PRIu64, number);
    table_puts(table, s);
}

void table_size(struct table *table, uint64_t bytes)
{
    static const char units[] = "KMGTPE";
    double size = (double)bytes;
    size_t unit = 0;
    char s[24];

    if (bytes < 1024) {
        table_number(table, bytes);
        return;
    }
    for (size /= 1024; size >= 1024; unit++)
        size /= 1024;
    snprintf(s, sizeof s, size < 10 ? "%.1f%c" : "%.0f%c", size, units[unit]);
    table_puts(table, s);
}

/* ---- printing ---------------------------------------------------------------- */

/* The columns that are shown, and how wide. */
struct layout {
    size_t columns[MAX_COLUMNS];
    size_t widths[MAX_COLUMNS];
    size_t n;
};

static bool has_heading(const struct table *table)
{
    return table->columns[0].name != NULL;
}

static bool all_same(const struct table *table, size_t column)
{
    for (size_t i = column; i < table->n_cells; i += table->n_columns)
        if (strcmp(table->cells[i], table->cells[column]))
            return false;
    return true;
}

static size_t measure(const struct table *table, size_t column)
{
    size_t widest = has_heading(table) ? strlen(table->columns[column].name) : 0;

    for (size_t i = column; i < table->n_cells; i += table->n_columns) {
        size_t width = utf8_width(table->cells[i], strlen(table->cells[i]));

        if (width > widest)
            widest = width;
    }
    return widest;
}

static void lay_out(const struct table *table, struct layout *ret)
{
    ret->n = 0;
    for (size_t i = 0; i < table->n_columns; i++) {
        if (table->columns[i].differs && all_same(table, i))
            continue;
        ret->columns[ret->n] = i;
        ret->widths[ret->n++] = measure(table, i);
    }
}

static size_t *widest_that_shrinks(const struct table *table, struct layout *layout)
{
    size_t *widest = NULL;

    for (size_t i = 0; i < layout->n; i++)
        if (table->columns[layout->columns[i]].shrinks && layout->widths[i] > NARROWEST &&
            (!widest || layout->widths[i] > *widest))
            widest = &layout->widths[i];
    return widest;
}

static void shrink(const struct table *table, struct layout *layout, size_t max)
{
    size_t total = GUTTER * (layout->n - 1), *widest;

    for (size_t i = 0; i < layout->n; i++)
        total += layout->widths[i];
    for (; max && total > max && (widest = widest_that_shrinks(table, layout)); total--)
        --*widest;
}

static void pad(struct text *line, size_t n)
{
    while (n--)
        text_char(line, ' ');
}

/* The bytes of the first `width` characters. */
static size_t bytes_of_width(const char *s, size_t width)
{
    size_t len = 0;

    for (uint32_t c; width && s[len]; width--)
        len += utf8_next(s + len, strlen(s + len), &c);
    return len;
}

static void add_cell(struct text *line, const struct table_column *column, const char *s,
                     size_t width, bool last)
{
    size_t len = strlen(s), shown = utf8_width(s, len);

    if (shown > width) {
        text_add(line, s, bytes_of_width(s, width - 1));
        text_puts(line, "…");
        shown = width;
    } else {
        if (column->right)
            pad(line, width - shown);
        text_add(line, s, len);
    }
    if (!last && !column->right)
        pad(line, width - shown);
    if (!last)
        pad(line, GUTTER);
}

/* A line of cells; NULL: of the headings. */
static void add_line(struct text *text, const struct table *table, const struct layout *layout,
                     char *const *cells)
{
    for (size_t i = 0; i < layout->n; i++) {
        size_t column = layout->columns[i];

        add_cell(text, &table->columns[column], cells ? cells[column] : table->columns[column].name,
                 layout->widths[i], i + 1 == layout->n);
    }
}

static void add_heading(struct text *text, const struct table *table, const struct layout *layout)
{
    bool colour = print_has_colour();

    if (colour)
        text_puts(text, "\x1b[1m");
    add_line(text, table, layout, NULL);
    text_puts(text, colour ? "\x1b[0m\n" : "\n");
}

void table_print(struct table *table)
{
    _cleanup_text_ struct text text = TEXT_INIT;
    struct layout layout;

    lay_out(table, &layout);
    shrink(table, &layout, print_width());
    if (has_heading(table))
        add_heading(&text, table, &layout);
    for (size_t i = 0; i + table->n_columns <= table->n_cells; i += table->n_columns) {
        add_line(&text, table, &layout, table->cells + i);
        text_char(&text, '\n');
    }
    print_out(&text);
}
