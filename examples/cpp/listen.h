// The loop: raw samples on standard input, one JSON line an update on standard output.
#pragma once

#include "card.h"
#include "step.h"

enum class Format { kS16le, kF32le };

// Listens until the input ends; a last hop that is not full is padded with silence. Throws Failure:
// there was no audio, or nothing can be written.
void listen(const Card& card, Step& step, Format format);
