/* SPDX-License-Identifier: Apache-2.0 */
/* banned: functions that do not compile here.  Given to the compiler with
 * -include, so that no file can forget it.
 *
 *      strcpy strcat stpcpy sprintf vsprintf   no bound: struct buf, snprintf
 *      strtok localtime gmtime asctime ctime   hidden state: the _r forms
 *
 * Their own headers come first, since a poisoned name cannot be declared.
 */
#ifndef SLUICE_BASE_BANNED_H
#define SLUICE_BASE_BANNED_H

#include <stdio.h>
#include <string.h>
#include <time.h>

#pragma GCC poison strcpy strcat stpcpy sprintf vsprintf strtok localtime gmtime asctime ctime

#endif
