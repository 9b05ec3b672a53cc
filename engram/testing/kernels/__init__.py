"""What every kernel backend must do, family by family."""
