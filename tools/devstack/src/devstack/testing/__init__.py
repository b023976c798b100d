"""What end-to-end and fault tests stand on: both services as real processes on real databases, killed at will."""
