"""From what the cause pass observed to the section "Why": profile differences, levers, and causes by weight.

``folding`` adds up stacks by function, ``comparing`` says which times differ, ``difference`` is the table made of them
and ``flame`` the graph. A rule for each lever (``database_levers``, ``response_levers``, ``code_levers``,
``hot_path``) finds suspects, ``causes`` claims those whose outcome moved too. All of it is pure; see docs/why.md.
"""

from perfproof.analysis.why.explaining import across_causes, explain

__all__ = ["across_causes", "explain"]
