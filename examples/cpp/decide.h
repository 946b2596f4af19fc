// From a step's probabilities to a decision that neither flickers nor lags.
//
// Probabilities of music steps are smoothed exponentially. A label becomes the genre when it reaches
// a threshold and, where there is one already, has a lead; the genre stays until another takes over
// or its own probability has sunk to a lower threshold (Schmitt's trigger). In between it is unsure.
// Whether it is music at all is smoothed likewise, but after silence by the mean since its end, so
// that a piece's first seconds are not held against the pause before it.
#pragma once

#include <cstddef>
#include <vector>

#include "card.h"

enum class Status { kGenre, kUnsure, kNoMusic };

struct Verdict {
  Status status;
  size_t genre;  // index of the label; says nothing unless status is kGenre
};

class Decider {
 public:
  Decider(const Thresholds& thresholds, size_t classes);

  // The verdict on a step that brought `seconds` of new audio at `level` dBFS.
  Verdict decide(const float* probabilities, double music, double level, double seconds);

  // The most probable label by the smoothed probabilities, and its own.
  size_t top() const;
  double confidence() const { return smoothed_[top()]; }

 private:
  Verdict decide_anew(const float* probabilities, double music, double level, double seconds);

  const Thresholds limits_;
  std::vector<double> smoothed_;
  double music_ = 1;
  double since_silence_;  // s
  bool heard_ = false, heard_music_ = false, decided_ = false;
  bool has_genre_ = false;
  size_t genre_ = 0;
  Verdict last_{};
};
