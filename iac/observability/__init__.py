"""What is watched, in one description for both dashboards: `make dashboards`."""
