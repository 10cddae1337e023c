‰ADP
