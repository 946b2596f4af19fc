// The decision: from the probabilities of a step to a status and a genre, with hysteresis.
//
// The probabilities of steps with music are smoothed exponentially. A label becomes the genre when
// its smoothed probability reaches a threshold and leads the current genre by a margin. The genre is
// kept until another label replaces it or its own probability falls below a lower threshold, as in a
// Schmitt trigger. Without a genre, the status is "unsure". The probability of music is smoothed in
// the same way. After silence, it is the mean since the end of the silence instead, so that a pause
// does not delay the detection of the next track.
#pragma once

#include <cstddef>
#include <vector>

#include "card.h"

enum class Status { kGenre, kUnsure, kNoMusic };

struct Verdict {
  Status status;
  size_t genre;  // index of the label; undefined unless status is kGenre
};

class Decider {
 public:
  Decider(const Thresholds& thresholds, size_t classes);

  // The decision on a step with `seconds` of new audio at `level` dBFS.
  Verdict decide(const float* probabilities, double music, double level, double seconds);

  // The label with the largest smoothed probability, and that probability.
  size_t top() const;
  double confidence() const { return smoothed_[top()]; }

 private:
  Verdict decide_step(const float* probabilities, double music, double level, double seconds);

  const Thresholds limits_;
  std::vector<double> smoothed_;
  double music_ = 1;
  double since_silence_;  // s
  bool has_steps_ = false, has_music_ = false, decided_ = false;
  bool has_genre_ = false;
  size_t genre_ = 0;
  Verdict last_{};
};
