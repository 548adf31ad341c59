/* Requests on their way through serve's command.
 *
 * At most n_slots commands run at a time; requests beyond wait their turn here, and the
 * deadline the broker keeps for them goes on running. A request that nobody
 * waits for any more is dropped, its command killed. Owned by the verb, which
 * polls jobs_fds beside the broker; all requests belong to the jobs from
 * jobs_add until jobs_leave.
 */
#pragma once

#include "client/brokerctl/child.h"
#include "client/brokerctl/payload.h"

#include <brokerclient.h>

struct job {
    bool busy;
    broker_request *request; /* NULL: nobody waits for the answer any more */
    struct child child;
};

struct jobs {
    const struct ctl *ctl;
    const broker *b;
    char *const *argv;       /* the command */
    enum payload_form form;  /* what its output is */
    struct job *slots;
    size_t n_slots, n_running;
    broker_request **waiting; /* in turn */
    size_t n_waiting;
    /* Told of each answer: subject, the sender, the error sent (0: none). */
    void (*answered)(const broker_message *request, uint32_t error, void *userdata);
    void *userdata;
};

void jobs_init(struct jobs *jobs, size_t n_slots);
void jobs_deinit(struct jobs *jobs);
void jobs_add(struct jobs *jobs, broker_request *request);
bool jobs_idle(const struct jobs *jobs);
/* n_slots * CHILD_FDS entries. Returns how long to wait at most, ms, -1: for ever. */
int jobs_fds(const struct jobs *jobs, struct pollfd *fds, uint64_t now_ms);
void jobs_handle(struct jobs *jobs, const struct pollfd *fds, uint64_t now_ms);
/* Asks what runs to end, and forgets the requests: closing the connection tells
 * the requesters that their server has left. */
void jobs_leave(struct jobs *jobs, uint64_t now_ms);
