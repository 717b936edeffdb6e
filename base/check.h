/* SPDX-License-Identifier: Apache-2.0 */
/* check: CHECK(expr) states what is always true, and stays on in every build.
 *
 * assert() is no use here: CMake's Release and RelWithDebInfo pass -DNDEBUG.
 * A failed CHECK is our bug.  It prints file, line and the expression and
 * aborts; a restart resumes from the checkpoint or the committed offset, so
 * stopping is always the safe answer.  No side effects inside.
 */
#ifndef SLUICE_BASE_CHECK_H
#define SLUICE_BASE_CHECK_H

#define CHECK(expr) \
        ((expr) ? (void)0 : check_failed(__FILE__, __LINE__, __func__, #expr))

_Noreturn void check_failed(const char *file, int line, const char *func, const char *expr);

/* Every int that can fail carries this. */
#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))

/* From a member back to the struct that holds it. */
#define container_of(ptr, type, member) ((type *)((char *)(ptr) - offsetof(type, member)))

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#endif
