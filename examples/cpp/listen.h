// The main loop: raw samples from standard input, one JSON line per update to standard output.
#pragma once

#include "card.h"
#include "step.h"

enum class Format { kS16le, kF32le };

// Runs until the input ends. An incomplete last hop is padded with silence. Throws Failure if there
// was no audio, or if the output cannot be written.
void listen(const Card& card, Step& step, Format format);
