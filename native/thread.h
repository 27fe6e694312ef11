#pragma once

namespace graphdriver {

// Starts a detached thread with a small stack and every signal blocked but those that report a
// fault or that the C library uses itself. Answers 0 or a negative errno.
int StartThread(void* (*body)(void*), void* data);

// Runs `body` on a thread that ends after it, and waits. For what changes the thread itself, such
// as its working directory. Answers 0, or a negative errno when no thread could be had (`body` has
// not run then).
int RunApart(void (*body)(void*), void* data);

}  // namespace graphdriver
