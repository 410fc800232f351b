"""Parts of the report: the results of work directories as tables, cards and charts."""
