"""What stands in the way of a measurement here, before one is begun: ``perfproof doctor``.

A check looks at one thing and returns findings, each *ok*, a *warning* or a *problem* with what to do about it. What a
measurement knows how to do (start, log in, ask, count, sample) is asked of what does it then; nothing of it is done
here a second time. ``examining`` puts the checks in order: one that fails never keeps the others from their turn.
"""
