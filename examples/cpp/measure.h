// What a package does here: whether it is right, and what it costs.
#pragma once

#include "card.h"
#include "step.h"

// The largest difference in a probability when the package's test vector is replayed. Throws Failure.
double difference_to_test(const Card& card, Step& step);

struct Cost {
  double p50_ms, p99_ms;
};

// Of `steps` steps, back to back, on noise.
Cost cost(const Card& card, Step& step, size_t steps);

// Of this process, in MB, as Linux tells it; zeros elsewhere.
struct Memory {
  double resident, peak;  // VmRSS, VmHWM
  double own;             // RssAnon: the part that is not pages of files, which the system can drop
};

Memory memory();
