#include "test/native/check.h"

int main(int argc, char** argv) { return strata::test::RunAll(argc, argv); }
