from center1111.cli import main

main()
