/*
** error.c: how errors.lua registers its constructor.
*/
#ifndef PGV_ERROR_H
#define PGV_ERROR_H

#include "pgv.h"

int pgv_on_error(lua_State *L);

#endif
