#include "client/brokerctl/progress.h"

#include "client/brokerctl/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { EVERY_MS = 100, FALLBACK_WIDTH = 80, NARROWEST_BAR = 10, WIDEST_BAR = 50 };

static bool can_erase(void)
{
    const char *term = getenv("TERM");

    return isatty(STDERR_FILENO) && term && strcmp(term, "dumb");
}

static bool has_colour(void)
{
    const char *no_colour = getenv("NO_COLOR");

    return !(no_colour && *no_colour);
}

static size_t width(void)
{
    struct winsize size;

    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
        return FALLBACK_WIDTH;
    return size.ws_col;
}

void progress_init(struct progress *progress, const char *title)
{
    *progress = (struct progress){ .title = title, .on = can_erase() };
}

static void put(const struct text *text)
{
    ssize_t n = write(STDERR_FILENO, text->data, text->len);

    (void)n; /* a bar that cannot be drawn is none */
}

void progress_hide(struct progress *progress)
{
    struct text erase = { (char[]){ "\r\x1b[K" }, strlen("\r\x1b[K"), 0 };

    if (progress->shown)
        put(&erase);
    progress->shown = false;
}

/* ---- drawing ----------------------------------------------------------------- */

static void add_bar(struct text *line, double share, size_t cells)
{
    size_t full = (size_t)(share * (double)cells);

    text_puts(line, has_colour() ? " [\x1b[32m" : " [");
    for (size_t i = 0; i < cells; i++) {
        if (i == full && has_colour())
            text_puts(line, "\x1b[0m");
        text_char(line, i < full ? '#' : '-');
    }
    text_puts(line, has_colour() ? "\x1b[0m]" : "]");
}

static void add_rate(struct text *line, double per_s)
{
    if (per_s >= 1e6)
        text_printf(line, "%.2f M/s", per_s / 1e6);
    else if (per_s >= 1e4)
        text_printf(line, "%.0f k/s", per_s / 1e3);
    else
        text_printf(line, "%.0f/s", per_s);
}

static void add_tail(struct text *tail, const struct progress *progress, double share, uint64_t n)
{
    if (share >= 0)
        text_printf(tail, " %3.0f %%", share * 100);
    text_puts(tail, "  ");
    if (share < 0 && n == 0)
        text_puts(tail, "waiting");
    else
        add_rate(tail, progress->per_s);
}

/* The last column stays free: writing into it may begin a new line. What does not fit is
 * left out, first the bar, then the title. */
static void draw(const struct progress *progress, double share, uint64_t n)
{
    _cleanup_text_ struct text line = TEXT_INIT, tail = TEXT_INIT;
    size_t max = width() - 1, used = strlen(progress->title), cells;

    add_tail(&tail, progress, share, n);
    used += tail.len;
    cells = used + 3 < max ? max - used - 3 : 0;
    text_char(&line, '\r');
    if (used <= max)
        text_add_safe(&line, progress->title, strlen(progress->title));
    if (share >= 0 && cells >= NARROWEST_BAR)
        add_bar(&line, share, cells < WIDEST_BAR ? cells : WIDEST_BAR);
    text_add(&line, tail.data, tail.len < max ? tail.len : max);
    text_puts(&line, "\x1b[K");
    put(&line);
}

void progress_show(struct progress *progress, double share, uint64_t n)
{
    uint64_t now_ms = session_now_ms();

    if (!progress->on || now_ms < progress->next_ms)
        return;
    if (progress->last_ms)
        progress->per_s =
            (double)(n - progress->last_n) * 1000 / (double)(now_ms - progress->last_ms);
    progress->last_ms = now_ms;
    progress->last_n = n;
    progress->next_ms = now_ms + EVERY_MS;
    draw(progress, share > 1 ? 1 : share, n);
    progress->shown = true;
}
