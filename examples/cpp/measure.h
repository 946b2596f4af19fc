// Correctness and cost of a package on this machine.
#pragma once

#include "card.h"
#include "step.h"

// The largest difference of a probability on the test vector of the package. Throws Failure.
double difference_to_test(const Card& card, Step& step);

struct Cost {
  double p50_ms, p99_ms;
};

// Times `steps` consecutive steps on noise.
Cost cost(const Card& card, Step& step, size_t steps);

// Memory of this process in MB, as reported by Linux; zeros on other systems.
struct Memory {
  double resident, peak;  // VmRSS, VmHWM
  double own;             // RssAnon: without pages of files, which the system can drop
};

Memory memory();
