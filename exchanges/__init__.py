"""What exchanges say, in our words: a library without Django, settings, sockets of its own choosing or a clock."""
