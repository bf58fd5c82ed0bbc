"""`picket replay`: stored traces through the filter, compared and drawn."""
