"""The workbook: what makes the notebooks one, on top of `rlkit_mini`."""
