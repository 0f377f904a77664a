"""Sources that count the instructions a service executes: the processor's counters, and Valgrind's callgrind."""
