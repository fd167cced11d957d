"""What is offered to be asked: the providers by name."""
