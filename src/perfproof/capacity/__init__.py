"""The highest rate that keeps the budgets: its search, its conclusion, and its part of every report."""
