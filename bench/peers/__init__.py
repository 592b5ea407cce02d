"""What a user would pick instead, each in a process and an environment of its own.

Each does the same: workflows of five recorded steps that do nothing, from the first submission to the last
completion, `hands` submissions at a time, and prints what it measured as one line of JSON.
"""
