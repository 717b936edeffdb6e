/* SPDX-License-Identifier: Apache-2.0 */
/* kin: knows the events of a file by one of them.
 *
 *      {"@timestamp":"<24>","event":{"id":"s1.<22>"},"message":"<text>","log":{...,"offset":8123},"service":{...}}
 *      |------------- in its fixed place ------------|  scanned |--- before ---| digits |------- after -------|
 *
 * What event_write writes for two lines of a file differs in time, id, message and offset only.  So an event that was scanned
 * in full and found to be fine is learnt; of the next one the four are looked at and the rest is compared.  What fits is
 * as valid and as well shaped as the one that was learnt, and says the same in its fixed parts.
 *
 * KIN_FORMS files are known at a time, the oldest makes way.  One thread per struct.
 */
#ifndef SLUICE_EVENT_KIN_H
#define SLUICE_EVENT_KIN_H

#include <stddef.h>

enum { KIN_FORMS = 16, KIN_BYTES = 1024 };      /* a form's fixed parts are no longer than that, or it is not learnt */

struct kin;

struct kin *kin_new(void);
void kin_free(struct kin *k);           /* NULL ok */

/* The form that the event has, or -1.  Its id stands at EVENT_ID_AT, its time has 24 characters. */
int kin_find(struct kin *k, const char *text, size_t len);

/* Takes over the form of an event that scan_json found to be an object in valid UTF-8, and shape_write left alone. The form, in
 * the place of an older one; -1: it is not of the kind. */
int kin_learn(struct kin *k, const char *text, size_t len);

/* Where p, which points into the text learnt last, stands in the form's own copy; NULL: in a part that differs from event to
 * event. */
const char *kin_place(const struct kin *k, const char *p);

#endif
