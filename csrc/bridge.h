/*
** The readiness bridge, as the rest of the core sees it.
*/
#ifndef PGV_BRIDGE_H
#define PGV_BRIDGE_H

#include "pgv.h"

#define PGV_CHANNEL "pgvector.channel"

/* must be called before a descriptor that may be watched is closed; whoever
** waits for it is woken */
void pgv_bridge_forget(int fd);

#endif
