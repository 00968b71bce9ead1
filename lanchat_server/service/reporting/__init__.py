"""What others see of a running server: figures, Prometheus, the service manager."""
