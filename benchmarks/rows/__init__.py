"""Problems with independent answers, what is asked of each, in one file a theme."""
