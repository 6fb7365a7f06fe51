/* SPDX-License-Identifier: MIT */
#ifndef RIG_REPAIR_H
#define RIG_REPAIR_H

/* Mends what Bochs gets wrong in its own code, once, before it runs. */
void repair_bochs(void);

#endif
