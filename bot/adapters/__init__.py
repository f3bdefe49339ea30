"""One file a platform. An adapter translates; it never decides."""
