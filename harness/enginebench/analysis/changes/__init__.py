"""Changes over nights: found, confirmed, and what else differed."""
