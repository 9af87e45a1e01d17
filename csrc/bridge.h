/*
** The readiness bridge, as the rest of the core sees it.
*/
#ifndef PGV_BRIDGE_H
#define PGV_BRIDGE_H

#include "pgv.h"

#define PGV_CHANNEL "pgvector.channel"

/* an arming of a channel; void once it was answered or armed again */
typedef uint64_t pgv_ticket;

/* [-0, +0, e] arms the channel at idx for pgv_bridge_signal; the timeout, in
** milliseconds, stands at idx `timeout` or is nil there */
pgv_ticket pgv_channel_expect(lua_State *L, int idx, int timeout);
/* answers an arming, from whichever thread */
void pgv_bridge_signal(pgv_ticket ticket);
/* must be called before a descriptor that may be watched is closed; whoever
** waits for it is woken */
void pgv_bridge_forget(int fd);

#endif
