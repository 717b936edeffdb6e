/* SPDX-License-Identifier: Apache-2.0 */
/* versions: of the libraries we stand on, a line each, for --version and so for every bug report.
 *
 * As loaded, not as compiled, wherever the library can be asked: the two differ exactly when that matters.
 */
#ifndef SLUICE_SINKS_VERSIONS_H
#define SLUICE_SINKS_VERSIONS_H

const char *versions_text(void);        /* without a newline at its end; static, made once. One thread. */

#endif
