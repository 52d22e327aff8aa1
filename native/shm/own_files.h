// Open files that belong to one thread.
#pragma once

namespace strata {

// Gives the calling thread a table of open files of its own, with nothing in it but `keep`: what it opens from now on is
// closed when the thread dies. A killed process closes its files only when its last thread is gone and its memory has
// been given back, which on a busy machine takes a hundred milliseconds; a thread that sleeps is gone at once.
//
// False where the kernel cannot do it (before Linux 5.9): then nothing has changed.
bool SeparateFiles(int keep);

}  // namespace strata
