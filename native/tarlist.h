#pragma once

#include "arguments.h"
#include "tarpolicy.h"
#include "widetable.h"

namespace graphdriver {

// Limits as floor 1 hands them over: a row of 64-bit numbers. False: not of this length.
bool ReadLimits(Bytes bytes, TarLimits* limits);

// Lists a whole archive that is fed in pieces of the given sizes, again and again; all at once
// without any. First come kListHead numbers: fault, entry and offset that it is about, that entry's
// name, how many entries there are; then kListRow numbers an entry, in the order in which AddRow()
// has them; then four for each extended attribute: its name and its value.
WideTable ListTar(Bytes archive, Numbers32 pieces, Bytes limits);

}  // namespace graphdriver
