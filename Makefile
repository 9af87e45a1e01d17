CFLAGS = -std=c99 -O2 -fPIC -fvisibility=hidden -fopenmp-simd -Wall -Wextra
PQ = -I$(shell pg_config --includedir)
SRC = $(wildcard csrc/*.c)
all: build/5.4/pgvector/core.so build/5.1/pgvector/core.so
build/5.4/pgvector/core.so: $(SRC) $(wildcard csrc/*.h csrc/*.inc)
	mkdir -p $(@D)
	$(CC) $(CFLAGS) $$(pkg-config --cflags lua5.4) $(PQ) -shared -Wl,-z,nodelete -o $@ $(SRC) -lpq -lm -lpthread
build/5.1/pgvector/core.so: $(SRC) $(wildcard csrc/*.h csrc/*.inc)
	mkdir -p $(@D)
	$(CC) $(CFLAGS) $$(pkg-config --cflags lua5.1) $(PQ) -shared -Wl,-z,nodelete -o $@ $(SRC) -lpq -lm -lpthread
