"""Parts of the report: what work directories hold, as tables, cards and charts."""
