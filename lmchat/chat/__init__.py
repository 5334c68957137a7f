"""What a conversation is: pure values and functions, standard library only, no input or output."""
