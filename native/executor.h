#pragma once

#include "job.h"

namespace graphdriver {

// Queues a job for its lane. Threads start on demand and end when idle for a second; a job that no
// thread can be had for comes back refused.
void Submit(Job* job);

}  // namespace graphdriver
