"""One call answered: what is asked, the steps it takes, who takes them, and what is kept."""
