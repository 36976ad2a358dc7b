"""The referee's play: two parties narrow a disagreement about a program to one instruction.

Pure: places, dissections, clocks, rules, and what an honest party does. Not here: the money
(`pekanu.market`), the step itself (`pekanu.machine`), the chain.
Source: design/referees.md, "BisectionReferee". Twin: contracts/BisectionReferee.vy.
"""
