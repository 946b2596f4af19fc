"""Many radio stations at once: what each plays over the day, as a log and as a page."""
