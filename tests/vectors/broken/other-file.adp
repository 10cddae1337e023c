this is some other kind of file
