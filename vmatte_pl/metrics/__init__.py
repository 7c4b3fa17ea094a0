"""The measures of the field, as functions and as torchmetrics objects."""
